; Flonums in a loop.
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

(display (mandelbrot 160 200))
(newline)
