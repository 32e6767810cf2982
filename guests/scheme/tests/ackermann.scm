(define (ack m n) (cond ((= m 0) (+ n 1)) ((= n 0) (ack (- m 1) 1)) (else (ack (- m 1) (ack m (- n 1))))))
(write (ack 2 9)) (newline)
(write (ack 3 5)) (newline)
