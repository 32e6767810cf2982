(define (f x)
  (cond (x => (lambda (a b)
    a))))
(f 1)
