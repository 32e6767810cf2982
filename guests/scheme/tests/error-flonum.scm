(define (scale x l)
  (let loop ((l l) (s 0.0))
    (if (null? l)
        s
        (loop (cdr l) (+ s (* x (car l)))))))
(define (again n) (if (= n 0) (scale 1.5 '(1 2.0)) (begin (scale 1.5 '(1.0 2.0)) (again (- n 1)))))
(write (again 500))
(newline)
(scale 1.5 '(1 x))
