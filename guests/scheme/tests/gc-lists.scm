; far more garbage than the heap holds
(define (churn n keep) (if (= n 0) keep (churn (- n 1) (if (= (remainder n 1000) 0) (list n keep) (begin (list n n n n) keep)))))
(define (depth l) (if (null? l) 0 (+ 1 (depth (cadr l)))))
(write (depth (churn 500000 '()))) (newline)
(define (make n) (let loop ((i 0) (l '())) (if (= i n) l (loop (+ i 1) (cons i l)))))
(define kept (make 10000))
(do ((i 0 (+ i 1))) ((= i 100)) (make 10000))
(write (fold + 0 kept)) (newline)
