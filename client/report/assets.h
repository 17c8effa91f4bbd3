/*
 * Assets of the page, made into C by embed.cmake. They contain nothing that ends a style or script element.
 */
#ifndef CS_REPORT_ASSETS_H
#define CS_REPORT_ASSETS_H

extern const unsigned char cs_page_css[], cs_page_js[];
extern const unsigned long cs_page_css_len, cs_page_js_len;

#endif
