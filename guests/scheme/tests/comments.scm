; line comment
#| block
   comment |#
(write '(1 #;(hidden) 2)) ; trailing
(newline)
