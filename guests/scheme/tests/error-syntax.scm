(display "never seen")
(define (f)
  (if))
