; The part of the library that calls procedures, in Scheme, so that it is compiled like any program.
; It uses standard procedures and names of its own only (%...): a program may define `map` anew
; without a surprise elsewhere. Errors raised in here get the line of the program that called;
; (%bad-list who l) fails because l is no list.

(define (map f l . more)
  (if (null? more)
      (%map1 f l l)
      (%mapn f (cons l more))))

(define (%map1 f l all)
  (let loop ((l l) (done '()))
    (cond ((pair? l) (loop (cdr l) (cons (f (car l)) done)))
          ((null? l) (reverse done))
          (else (%bad-list "map" all)))))

(define (%any-end? lists)
  (and (pair? lists) (or (not (pair? (car lists))) (%any-end? (cdr lists)))))

(define (%cars lists)
  (if (null? lists) '() (cons (caar lists) (%cars (cdr lists)))))

(define (%cdrs lists)
  (if (null? lists) '() (cons (cdar lists) (%cdrs (cdr lists)))))

(define (%mapn f lists)
  (let loop ((lists lists) (done '()))
    (if (%any-end? lists)
        (reverse done)
        (loop (%cdrs lists) (cons (apply f (%cars lists)) done)))))

(define (for-each f l . more)
  (if (null? more)
      (let loop ((rest l))
        (cond ((pair? rest) (f (car rest)) (loop (cdr rest)))
              ((null? rest) (void))
              (else (%bad-list "for-each" l))))
      (let loop ((lists (cons l more)))
        (unless (%any-end? lists)
          (apply f (%cars lists))
          (loop (%cdrs lists))))))

(define %for-each for-each)

(define (filter keep? l)
  (let loop ((rest l) (done '()))
    (cond ((pair? rest) (loop (cdr rest) (if (keep? (car rest)) (cons (car rest) done) done)))
          ((null? rest) (reverse done))
          (else (%bad-list "filter" l)))))

(define %filter filter)

(define (remove drop? l)
  (%filter (lambda (x) (not (drop? x))) l))

(define (fold f start l)
  (let loop ((rest l) (sum start))
    (cond ((pair? rest) (loop (cdr rest) (f (car rest) sum)))
          ((null? rest) sum)
          (else (%bad-list "fold" l)))))

(define %fold fold)

(define (fold-left f start l)
  (let loop ((rest l) (sum start))
    (cond ((pair? rest) (loop (cdr rest) (f sum (car rest))))
          ((null? rest) sum)
          (else (%bad-list "fold-left" l)))))

(define (fold-right f start l)
  (let loop ((rest (reverse l)) (sum start))
    (if (pair? rest) (loop (cdr rest) (f (car rest) sum)) sum)))

(define (reduce f start l)
  (if (pair? l) (%fold f (car l) (cdr l)) start))

(define (append-map f l)
  (let loop ((rest (reverse (%map1 f l l))) (done '()))
    (if (pair? rest) (loop (cdr rest) (append (car rest) done)) done)))

(define (filter-map f l)
  (let loop ((rest l) (done '()))
    (if (pair? rest)
        (let ((x (f (car rest)))) (loop (cdr rest) (if x (cons x done) done)))
        (reverse done))))

(define (find found? l)
  (let loop ((rest l))
    (cond ((pair? rest) (if (found? (car rest)) (car rest) (loop (cdr rest))))
          (else #f))))

(define (any f l)
  (let loop ((rest l))
    (and (pair? rest) (or (f (car rest)) (loop (cdr rest))))))

(define (every f l)
  (let loop ((rest l) (last #t))
    (if (pair? rest)
        (let ((x (f (car rest)))) (and x (loop (cdr rest) x)))
        last)))

(define (delete x l)
  (%filter (lambda (y) (not (equal? x y))) l))

(define (iota n . more)
  (let ((start (if (pair? more) (car more) 0))
        (step (if (and (pair? more) (pair? (cdr more))) (cadr more) 1)))
    (let loop ((i (- n 1)) (done '()))
      (if (< i 0) done (loop (- i 1) (cons (+ start (* i step)) done))))))

; A stable merge sort, on lists and vectors.
(define (sort l less?)
  (if (vector? l)
      (list->vector (%sort (vector->list l) less?))
      (%sort l less?)))

(define (list-sort less? l) (%sort l less?))

; Neighbours are merged until one list is left. It is one procedure, of loops: an engine that compiles when
; something is called first has less to do.
(define (%sort all less?)
  (let first ((l all) (lists '()))
    (cond ((pair? l) (first (cdr l) (cons (list (car l)) lists)))
          ((not (null? l)) (%bad-list "sort" all))
          (else
           (let pass ((lists (reverse lists)))
             (cond ((null? lists) '())
                   ((null? (cdr lists)) (car lists))
                   (else
                    (let pairs ((lists lists) (merged '()))
                      (if (and (pair? lists) (pair? (cdr lists)))
                          (pairs (cddr lists)
                                 (cons (let merge ((a (car lists)) (b (cadr lists)) (done '()))
                                         (if (and (pair? a) (pair? b))
                                             (if (less? (car b) (car a))
                                                 (merge a (cdr b) (cons (car b) done))
                                                 (merge (cdr a) b (cons (car a) done)))
                                             (%append-reverse done (if (pair? a) a b))))
                                       merged))
                          (pass (%append-reverse merged lists)))))))))))

(define (%append-reverse l tail)
  (if (null? l) tail (%append-reverse (cdr l) (cons (car l) tail))))

(define (append-reverse l tail) (%append-reverse l tail))

(define (assp f l)
  (let loop ((rest l))
    (and (pair? rest) (if (f (caar rest)) (car rest) (loop (cdr rest))))))

(define (vector-map f v . more)
  (if (null? more)
      (let* ((n (vector-length v)) (out (make-vector n)))
        (do ((i 0 (+ i 1))) ((= i n) out)
          (vector-set! out i (f (vector-ref v i)))))
      (list->vector (%mapn f (cons (vector->list v) (%map1 vector->list more more))))))

(define (vector-for-each f v)
  (let ((n (vector-length v)))
    (do ((i 0 (+ i 1))) ((= i n))
      (f (vector-ref v i)))))

(define (string-for-each f s)
  (%for-each f (string->list s)))

(define (string-map f s)
  (list->string (%map1 f (string->list s) s)))

(define (string-count s counted?)
  (%fold (lambda (c n) (if (counted? c) (+ n 1) n)) 0 (string->list s)))
