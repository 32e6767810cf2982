(define (f a b) (quotient a b))
(write (f 7 2))
(newline)
(f 1 0)
