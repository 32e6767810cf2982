(define (all-in-range? n) (or (= n 0) (let ((r (random 10))) (and (>= r 0) (< r 10) (all-in-range? (- n 1))))))
(write (all-in-range? 1000)) (newline)
(define x (random 1.0))
(write (and (>= x 0) (< x 1))) (newline)
