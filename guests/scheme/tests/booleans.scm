(write (list (not #f) (not 0) (boolean? #f) (boolean? '()) #true #false)) (newline)
(write (list (and) (and 1 2) (and 1 #f 2) (or) (or #f 2) (or #f #f))) (newline)
(write (list (eq? 'a 'a) (eq? '() '()) (eqv? "a" "a") (equal? "a" "a") (equal? '(1 (2 #(3))) '(1 (2 #(3)))))) (newline)
