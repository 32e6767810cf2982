; fib by way of closures: about a quarter of a million of them, more than 1 MiB of heap.
(letrec ((adder (lambda (n) (lambda (m) (+ n m))))
         (fib (lambda (n) (if (< n 2) 1 ((adder (fib (- n 1))) (fib (- n 2)))))))
  (fib 26))
