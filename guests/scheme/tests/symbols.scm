(write (list 'abc 'ABC (symbol? 'a) (symbol? "a") (eq? 'a (string->symbol "a")))) (newline)
(write ''a) (write '`(a ,b ,@c)) (newline)
