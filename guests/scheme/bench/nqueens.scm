; Lists of small integers, searched.
(define (safe? row distance placed)
  (or (null? placed)
      (and (not (= (car placed) (+ row distance)))
           (not (= (car placed) (- row distance)))
           (not (= (car placed) row))
           (safe? row (+ distance 1) (cdr placed)))))

(define (queens size)
  (let place ((column 0) (placed '()))
    (if (= column size)
        1
        (let try ((row 0) (count 0))
          (if (= row size)
              count
              (try (+ row 1)
                   (if (safe? row 1 placed)
                       (+ count (place (+ column 1) (cons row placed)))
                       count)))))))

(display (queens 9))
(newline)
