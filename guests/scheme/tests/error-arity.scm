(define (f a b) a)
(define (g)
  (list
    (f 1)))
(g)
