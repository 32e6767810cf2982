; A vector, and loops that write to it.
(define (sieve size)
  (let ((prime? (make-vector (+ size 1) #t)))
    (let next ((i 2) (count 0))
      (cond ((> i size) count)
            ((vector-ref prime? i)
             (do ((k (* i 2) (+ k i))) ((> k size))
               (vector-set! prime? k #f))
             (next (+ i 1) (+ count 1)))
            (else (next (+ i 1) count))))))

(display (sieve 1000000))
(newline)
