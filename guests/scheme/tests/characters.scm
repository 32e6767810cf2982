(write (list #\a #\space #\newline #\tab #\( #\x41)) (newline)
(write (list (char->integer #\A) (integer->char 97) (char-upcase #\q) (char-downcase #\Q))) (newline)
(write (list (char=? #\a #\a) (char<? #\a #\b #\c) (char>=? #\b #\a))) (newline)
(write (list (char-alphabetic? #\a) (char-numeric? #\1) (char-whitespace? #\space) (digit-value #\7))) (newline)
