(define (first x)
  (car x))
(display "before")
(newline)
(display
  (first 5))
