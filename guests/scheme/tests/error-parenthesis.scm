(display "never seen")
(define (f)
  (car '(1))
