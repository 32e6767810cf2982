; A workload for app.scm, which must be loaded too: made-up requests that go through every route.
; It needs no input, and prints the sizes of the pages.

(define headers '("Host: shop.example" "User-Agent: warm-up/1.0 <test>" "Accept: text/html"))

(define targets
  '("/"
    "/products"
    "/products?sort=price"
    "/products?sort=stock&category=garden"
    "/products?min=20&sort=price"
    "/products?q=p%65n&category=office"
    "/products?q=a+b"
    "/nowhere/<script>"))

(define (serve-all)
  (map (lambda (target) (string-length (render-page (string-append "GET " target " HTTP/1.1") headers)))
       targets))

(define (serve n)
  (let loop ((i 1))
    (let ((sizes (serve-all)))
      (if (= i n) sizes (loop (+ i 1))))))

(display (serve 60))
(display " ")
(display (string-length (render-page "POST / HTTP/1.1" '())))
(newline)
