; Higher-order procedures, sorting, association lists.
(define (numbers n seed)
  (let loop ((i 0) (x seed) (all '()))
    (if (= i n)
        all
        (loop (+ i 1) (remainder (+ (* x 1103) 12345) 65536) (cons x all)))))

(define (sum l) (fold + 0 l))

(define (histogram l)
  (let loop ((l l) (counts '()))
    (if (null? l)
        counts
        (let* ((key (remainder (car l) 16)) (entry (assv key counts)))
          (if entry
              (begin (set-cdr! entry (+ (cdr entry) 1)) (loop (cdr l) counts))
              (loop (cdr l) (cons (cons key 1) counts)))))))

(define (work)
  (let* ((l (numbers 20000 42))
         (sorted (sort l <))
         (evens (filter even? sorted))
         (squares (map (lambda (x) (remainder (* x 31) 1009)) evens)))
    (+ (sum squares)
       (fold (lambda (entry total) (+ total (* (car entry) (cdr entry)))) 0 (histogram l)))))

(define (repeat n)
  (let loop ((i 0) (result 0))
    (if (= i n) result (loop (+ i 1) (work)))))

(display (repeat 10))
(newline)
