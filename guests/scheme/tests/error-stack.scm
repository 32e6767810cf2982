(define (inf n)
  (+ 1 (inf (+ n 1))))
(define (start)
  (list 'got
        (inf 0)))
(display "start")
(newline)
(start)
