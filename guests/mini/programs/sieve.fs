\ The cost of memory: the sieve of Eratosthenes. It prints how many primes there are below `size`.
200000 constant size
size array composite

: clear size 0 do 0 i composite + ! loop ;

: strike ( prime -- )
  dup dup *
  begin dup size < while
    1 over composite + !
    over +
  repeat
  drop drop ;

: primes ( -- count )
  0
  size 2 do
    i composite + @ 0= if
      1 +
      i 447 < if i strike then \ 447 * 447 is the last square below size
    then
  loop ;

: main
  clear primes . cr
  clear ; \ a snapshot leaves zeros out
