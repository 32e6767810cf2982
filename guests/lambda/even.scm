; Mutual recursion.
(letrec ((even? (lambda (n) (if (eq? n 0) #t (odd? (- n 1)))))
         (odd? (lambda (n) (if (eq? n 0) #f (even? (- n 1))))))
  (even? 1000))
