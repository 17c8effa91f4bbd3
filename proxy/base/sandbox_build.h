/*
 * Whether this build carries the address sanitizer, whose run-time library opens files and traces
 * its own threads at exit; private to the sandbox.
 */
#ifndef CS_BASE_SANDBOX_BUILD_H
#define CS_BASE_SANDBOX_BUILD_H

#if defined(__SANITIZE_ADDRESS__)
#define CS_SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CS_SANDBOX_SANITIZED 1
#endif
#endif
#ifndef CS_SANDBOX_SANITIZED
#define CS_SANDBOX_SANITIZED 0
#endif

#endif
