; an error inside of the library has the line of the call
(define (f l)
  (map car
       l))
(write (f '((1) (2))))
(newline)
(f '((1) 2))
