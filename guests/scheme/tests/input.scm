(write (read-line)) (newline)
(write (command-line)) (newline)
(write (getenv "NO_SUCH_VARIABLE")) (newline)
