; A small web shop as an edge function: a request comes in on standard input, the response goes to
; standard output.
;
;   GET /products?sort=price&min=10 HTTP/1.1
;
; Nothing in here knows that it will be frozen. It defines `main`, so loading it evaluates the
; definitions (the catalogue is parsed once), and every run answers one request.

; ---- The catalogue: name, category, price in cents, stock ----

(define catalogue-text
  "Teapot, blue|kitchen|2450|12
Cup & saucer|kitchen|890|140
Bread knife|kitchen|1975|31
Cutting board <oak>|kitchen|3300|8
Desk lamp|office|5990|17
Fountain pen|office|4200|25
Notebook \"A5\"|office|650|320
Ink, black|office|790|64
Stapler|office|1240|0
Wool blanket|home|7900|9
Candle|home|450|210
Picture frame|home|1590|42
Door mat|home|2290|18
Watering can|garden|1850|22
Secateurs|garden|2790|14
Seed tin|garden|1190|37
Garden twine|garden|540|95
Bird feeder|garden|3150|6
Rain gauge|garden|1380|0
Trowel|garden|980|51")

(define (parse-product line)
  (let ((fields (string-split line #\|)))
    (list (car fields)
          (cadr fields)
          (string->number (caddr fields))
          (string->number (cadddr fields)))))

(define (cadddr l) (car (cdddr l)))

(define product-name car)
(define product-category cadr)
(define product-price caddr)
(define (product-stock product) (cadddr product))

(define catalogue (map parse-product (string-split catalogue-text #\newline)))

; ---- HTML ----

(define (escape-char c)
  (case c
    ((#\&) "&amp;")
    ((#\<) "&lt;")
    ((#\>) "&gt;")
    ((#\") "&quot;")
    (else #f)))

; Runs of harmless characters stay together, so most texts are copied as a whole.
(define (escape text)
  (let ((n (string-length text)))
    (let loop ((i 0) (start 0) (parts '()))
      (if (= i n)
          (string-join (reverse (cons (substring text start n) parts)) "")
          (let ((entity (escape-char (string-ref text i))))
            (if entity
                (loop (+ i 1) (+ i 1) (cons entity (cons (substring text start i) parts)))
                (loop (+ i 1) start parts)))))))

(define (attributes->string attributes)
  (string-join
   (map (lambda (attribute)
          (string-append " " (symbol->string (car attribute)) "=\"" (escape (cdr attribute)) "\""))
        attributes)
   ""))

; A document is a string, a number, a list of documents, or (tag ((name . value) ...) document ...).
(define (render document)
  (cond ((string? document) (escape document))
        ((number? document) (number->string document))
        ((null? document) "")
        ((symbol? (car document))
         (let ((tag (symbol->string (car document))))
           (string-append "<" tag (attributes->string (cadr document)) ">"
                          (render (cddr document))
                          "</" tag ">")))
        (else (string-join (map render document) ""))))

(define (page title . body)
  (string-append
   "<!doctype html>\n"
   (render `(html ((lang . "en"))
              (head () (title () ,title))
              (body () (h1 () ,title) ,@body)))
   "\n"))

; ---- Prices ----

(define (money cents)
  (string-append (number->string (quotient cents 100))
                 "."
                 (string-pad-left (number->string (remainder cents 100)) 2 #\0)))

(define (with-tax cents) (quotient (+ (* cents 119) 50) 100))

; A discount for what there is much of.
(define (discounted product)
  (let ((price (product-price product)))
    (cond ((> (product-stock product) 100) (- price (quotient price 10)))
          ((> (product-stock product) 40) (- price (quotient price 20)))
          (else price))))

; ---- Requests ----

; What two hexadecimal digits stand for, or #f. -1 is a number too, but no code of a character.
(define (escaped digits)
  (let ((code (string->number digits 16)))
    (and code (>= code 0) code)))

(define (decode text)
  (let loop ((i 0) (out '()))
    (if (>= i (string-length text))
        (list->string (reverse out))
        (let ((c (string-ref text i)))
          (cond ((char=? c #\+) (loop (+ i 1) (cons #\space out)))
                ((and (char=? c #\%)
                      (<= (+ i 3) (string-length text))
                      (escaped (substring text (+ i 1) (+ i 3))))
                 => (lambda (code) (loop (+ i 3) (cons (integer->char code) out))))
                (else (loop (+ i 1) (cons c out))))))))

(define (parse-query text)
  (map (lambda (pair)
         (let ((at (string-index pair #\=)))
           (if at
               (cons (decode (substring pair 0 at)) (decode (substring pair (+ at 1))))
               (cons (decode pair) ""))))
       (filter (lambda (pair) (> (string-length pair) 0)) (string-split text #\&))))

(define (parse-header line)
  (let ((at (string-index line #\:)))
    (if at
        (cons (string-downcase (substring line 0 at)) (string-trim (substring line (+ at 1))))
        (cons (string-downcase line) ""))))

(define (request-of line headers)
  (let* ((words (string-split (string-trim line) #\space))
         (target (if (pair? (cdr words)) (cadr words) "/"))
         (mark (string-index target #\?)))
    (list (car words)
          (if mark (substring target 0 mark) target)
          (if mark (parse-query (substring target (+ mark 1))) '())
          (map parse-header headers))))

(define request-method car)
(define request-path cadr)
(define request-query caddr)
(define (request-headers request) (cadddr request))

(define (parameter request name default)
  (let ((entry (assoc name (request-query request))))
    (if entry (cdr entry) default)))

; ---- Pages ----

(define (matches? product category minimum text)
  (and (or (string=? category "") (string=? category (product-category product)))
       (>= (with-tax (discounted product)) minimum)
       (or (string=? text "")
           (string-index (string-downcase (product-name product)) (string-downcase text)))))

(define (ordering key)
  (cond ((string=? key "price") (lambda (a b) (< (discounted a) (discounted b))))
        ((string=? key "stock") (lambda (a b) (> (product-stock a) (product-stock b))))
        (else (lambda (a b) (string<? (product-name a) (product-name b))))))

(define (product-row product)
  `(tr ()
     (td () ,(product-name product))
     (td () ,(product-category product))
     (td ((class . "price")) ,(money (with-tax (discounted product))))
     (td () ,(if (= (product-stock product) 0) "sold out" (product-stock product)))))

(define (products-page request)
  (let* ((category (parameter request "category" ""))
         (minimum (* 100 (or (string->number (parameter request "min" "0")) 0)))
         (text (parameter request "q" ""))
         (found (filter (lambda (product) (matches? product category minimum text)) catalogue))
         (sorted (sort found (ordering (parameter request "sort" "name"))))
         (total (fold (lambda (product sum) (+ sum (* (product-stock product) (with-tax (discounted product))))) 0 sorted)))
    (page "Products"
          `(p () ,(length sorted) " of " ,(length catalogue) " products"
              ,(if (string=? text "") "" (string-append " with \"" text "\"")))
          `(table ()
             (tr () (th () "Name") (th () "Category") (th () "Price") (th () "Stock"))
             ,(map product-row sorted))
          `(p () "Stock value: " ,(money total)))))

(define (home-page request)
  (let ((agent (assoc "user-agent" (request-headers request))))
    (page "Shop"
          `(p () "Welcome" ,(if agent (string-append ", " (cdr agent)) "") "!")
          `(ul ()
             ,(map (lambda (category)
                     `(li () (a ((href . ,(string-append "/products?category=" category "&sort=price"))) ,category)))
                   '("kitchen" "office" "home" "garden"))))))

(define (response status body)
  (string-append "HTTP/1.1 " status "\r\n"
                 "content-type: text/html; charset=utf-8\r\n"
                 "\r\n"
                 body))

; The whole way from a request to the text of its response: what a warm-up calls.
(define (render-page line headers)
  (let* ((request (request-of line headers)) (path (request-path request)))
    (cond ((not (member (request-method request) '("GET" "HEAD")))
           (response "405 Method Not Allowed" (page "Not allowed" '(p () "Only GET is."))))
          ((string=? path "/") (response "200 OK" (home-page request)))
          ((string=? path "/products") (response "200 OK" (products-page request)))
          (else (response "404 Not Found" (page "Not found" `(p () "There is no " ,path ".")))))))

(define (read-headers)
  (let loop ((headers '()))
    (let ((line (read-line)))
      (if (or (eof-object? line) (string=? (string-trim line) ""))
          (reverse headers)
          (loop (cons (string-trim line) headers))))))

(define (main)
  (let ((line (read-line)))
    (if (or (eof-object? line) (string=? (string-trim line) ""))
        (display (response "400 Bad Request" (page "Bad request" '(p () "Where is the request?"))))
        (display (render-page line (read-headers))))))
