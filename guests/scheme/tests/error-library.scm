(define (total l)
  (+ 0
     (fold + 0 l)))
(write (total '(1 2)))
(newline)
(total '(1 . 2))
