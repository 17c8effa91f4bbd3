# cmake -DIN=<file> -DOUT=<C file> -P embed.cmake: the bytes of a file as cs_reflection_files().
file(READ ${IN} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR len "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "/* Generated. */
#include \"proxy/reflection/reflection.h\"

static const uint8_t files[${len}] = {
${bytes}
};

struct cs_span cs_reflection_files(void)
{
    return cs_span_of(files, sizeof files);
}
")
