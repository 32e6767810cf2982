; Text: splitting, escaping, joining, counting.
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

(define (work n)
  (let* ((words (string-split text #\space))
         (counts (sort (count-words words) (lambda (a b) (string<? (car a) (car b)))))
         (line (string-join
                (map (lambda (entry) (string-append (car entry) "=" (number->string (+ n (cdr entry))))) counts)
                ";")))
    (string-length (escape line))))

(define (repeat n)
  (let loop ((i 0) (sum 0))
    (if (= i n) sum (loop (+ i 1) (+ sum (work i))))))

(display (repeat 1500))
(newline)
