(define (f)
  (set! nowhere 1))
(f)
