(define (add a b)
  (+ a
     b))
(define (run n) (if (= n 0) 0 (begin (add n n) (run (- n 1)))))
(run 600)
(add 1 'two)
