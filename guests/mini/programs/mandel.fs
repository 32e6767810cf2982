\ The cost of arithmetic: the Mandelbrot set, in numbers with 12 bits behind the point.
4096 constant one
500 constant turns
variable cx  variable cy  variable x  variable y  variable xx  variable yy

: * ( a b -- a*b ) * one / ; \ the * in it is still the old one

: escape ( -- n ) \ after how many turns the point is more than 2 away
  0 x !  0 y !
  0 begin
    x @ dup * xx !  y @ dup * yy !
    xx @ yy @ + 16384 <  over turns < and
  while
    x @ y @ * dup +  cy @ +  y !
    xx @ yy @ -  cx @ +  x !
    1 +
  repeat ;

: glyph ( n -- char )
  dup turns = if drop 35 exit then
  dup 12 > if drop 43 exit then
  6 > if 46 else 32 then ;

: row
  8600 negate cx !
  64 0 do  escape glyph emit  cx @ 190 + cx !  loop cr ;

: main
  4800 negate cy !
  24 0 do  row  cy @ 400 + cy !  loop ;
