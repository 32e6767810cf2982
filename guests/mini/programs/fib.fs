\ The cost of a call: recursion, conditions, arithmetic.
: fib ( n -- fib )
  dup 2 < if exit then
  dup 1 - recurse swap 2 - recurse + ;

: main 27 fib . cr ;
