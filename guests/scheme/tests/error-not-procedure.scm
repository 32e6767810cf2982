(define x 5)
(define (f)
  (cons 1 (x 2)))
(f)
