# Makes a C file of an asset: cmake -DIN=page.css -DOUT=page.css.c -DNAME=cs_page_css -P embed.cmake
file(READ "${IN}" hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR n "${digits} / 2")
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
file(WRITE "${OUT}" "#include \"client/report/assets.h\"\nconst unsigned char ${NAME}[] = { ${bytes} };\nconst unsigned long ${NAME}_len = ${n};\n")
