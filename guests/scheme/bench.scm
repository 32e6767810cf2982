; The programs of bench/ in one file, each a procedure without arguments. Running it prints every
; benchmark's name and checksum; as a warm-up it makes all of them warm.

; ---- Calls ----

(define (fib n)
  (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))

(define (tak x y z)
  (if (< y x)
      (tak (tak (- x 1) y z) (tak (- y 1) z x) (tak (- z 1) x y))
      z))

(define (ack m n)
  (cond ((= m 0) (+ n 1))
        ((= n 0) (ack (- m 1) 1))
        (else (ack (- m 1) (ack m (- n 1))))))

(define (bench-fib) (fib 27))
(define (bench-tak) (+ (tak 18 12 6) (tak 22 16 8)))
(define (bench-ack) (+ (ack 2 9) (ack 3 7)))

; ---- Vectors ----

(define (sieve size)
  (let ((prime? (make-vector (+ size 1) #t)))
    (let next ((i 2) (count 0))
      (cond ((> i size) count)
            ((vector-ref prime? i)
             (do ((k (* i 2) (+ k i))) ((> k size))
               (vector-set! prime? k #f))
             (next (+ i 1) (+ count 1)))
            (else (next (+ i 1) count))))))

(define (bench-sieve) (sieve 400000))

; ---- Search ----

(define (safe? row distance placed)
  (or (null? placed)
      (and (not (= (car placed) (+ row distance)))
           (not (= (car placed) (- row distance)))
           (not (= (car placed) row))
           (safe? row (+ distance 1) (cdr placed)))))

(define (queens size)
  (let place ((column 0) (placed '()))
    (if (= column size)
        1
        (let try ((row 0) (count 0))
          (if (= row size)
              count
              (try (+ row 1)
                   (if (safe? row 1 placed)
                       (+ count (place (+ column 1) (cons row placed)))
                       count)))))))

(define (bench-nqueens) (queens 9))

; ---- Flonums ----

(define (iterations cr ci limit)
  (let loop ((zr 0.0) (zi 0.0) (i 0))
    (if (or (= i limit) (> (+ (* zr zr) (* zi zi)) 4.0))
        i
        (loop (+ (- (* zr zr) (* zi zi)) cr)
              (+ (* 2.0 zr zi) ci)
              (+ i 1)))))

(define (mandelbrot size limit)
  (let rows ((y 0) (sum 0))
    (if (= y size)
        sum
        (rows (+ y 1)
              (let columns ((x 0) (sum sum))
                (if (= x size)
                    sum
                    (columns (+ x 1)
                             (+ sum (iterations (- (/ (* 3.0 x) size) 2.0)
                                                (- (/ (* 2.0 y) size) 1.0)
                                                limit)))))))))

(define (bench-mandelbrot) (mandelbrot 100 200))

; ---- Lists ----

(define (numbers n seed)
  (let loop ((i 0) (x seed) (all '()))
    (if (= i n)
        all
        (loop (+ i 1) (remainder (+ (* x 1103) 12345) 65536) (cons x all)))))

(define (histogram l)
  (let loop ((l l) (counts '()))
    (if (null? l)
        counts
        (let* ((key (remainder (car l) 16)) (entry (assv key counts)))
          (if entry
              (begin (set-cdr! entry (+ (cdr entry) 1)) (loop (cdr l) counts))
              (loop (cdr l) (cons (cons key 1) counts)))))))

(define (list-work)
  (let* ((l (numbers 20000 42))
         (sorted (sort l <))
         (evens (filter even? sorted))
         (remainders (map (lambda (x) (remainder (* x 31) 1009)) evens)))
    (+ (fold + 0 remainders)
       (fold (lambda (entry total) (+ total (* (car entry) (cdr entry)))) 0 (histogram l)))))

(define (bench-lists)
  (let loop ((i 0) (result 0))
    (if (= i 3) result (loop (+ i 1) (list-work)))))

; ---- Strings ----

(define text
  "the quick brown fox jumps over the lazy dog & the <b>dog</b> sleeps while the fox runs away")

(define (escape-char c)
  (case c
    ((#\<) "&lt;")
    ((#\>) "&gt;")
    ((#\&) "&amp;")
    (else (string c))))

(define (escape s)
  (let loop ((i (- (string-length s) 1)) (parts '()))
    (if (< i 0)
        (string-join parts "")
        (loop (- i 1) (cons (escape-char (string-ref s i)) parts)))))

(define (count-words words)
  (let loop ((words words) (counts '()))
    (if (null? words)
        counts
        (let ((entry (assoc (car words) counts)))
          (cond (entry (set-cdr! entry (+ (cdr entry) 1)) (loop (cdr words) counts))
                (else (loop (cdr words) (cons (cons (car words) 1) counts))))))))

(define (string-work n)
  (let* ((words (string-split text #\space))
         (counts (sort (count-words words) (lambda (a b) (string<? (car a) (car b)))))
         (line (string-join
                (map (lambda (entry) (string-append (car entry) "=" (number->string (+ n (cdr entry))))) counts)
                ";")))
    (string-length (escape line))))

(define (bench-strings)
  (let loop ((i 0) (sum 0))
    (if (= i 500) sum (loop (+ i 1) (+ sum (string-work i))))))

; ---- All of them ----

(define benchmarks
  (list (cons "fib" bench-fib)
        (cons "tak" bench-tak)
        (cons "ack" bench-ack)
        (cons "sieve" bench-sieve)
        (cons "nqueens" bench-nqueens)
        (cons "mandelbrot" bench-mandelbrot)
        (cons "lists" bench-lists)
        (cons "strings" bench-strings)))

(for-each
 (lambda (benchmark)
   (display (car benchmark))
   (display " ")
   (display ((cdr benchmark)))
   (newline))
 benchmarks)
