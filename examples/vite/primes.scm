; The sieve of Eratosthenes.
(define (sieve n)
  (let ((composite (make-vector n #f)))
    (let next ((i 2))
      (if (< i n)
          (begin
            (if (not (vector-ref composite i))
                (begin
                  (display i)
                  (display " ")
                  (do ((j (* i i) (+ j i))) ((>= j n))
                    (vector-set! composite j #t))))
            (next (+ i 1)))))))

(define (main) (sieve 100))
