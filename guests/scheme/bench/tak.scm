; Calls with three arguments, nested in the arguments of a tail call.
(define (tak x y z)
  (if (< y x)
      (tak (tak (- x 1) y z) (tak (- y 1) z x) (tak (- z 1) x y))
      z))

(display (tak 18 12 6))
(display " ")
(display (tak 22 16 8))
(newline)
