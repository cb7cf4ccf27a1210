/* Stands before the C library's file functions, linked into a program or preloaded, and makes them fail. Calls on files
   outside the folder, and those that the hooks make, are the C library's. Of a program that it is preloaded into,
   CHUYI_FAULT_CALLS="AT CODE FOR_EVER PART FOLDER" sets the members; the call that fails is told on standard error. */
#ifndef CHUYI_TESTS_FAULTS_CALLS_H
#define CHUYI_TESTS_FAULTS_CALLS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct chuyi_faults {
  uint64_t at;          /* number of the call that fails, from 1; 0: none */
  int32_t code;         /* errno that it fails with */
  int32_t for_ever;     /* all after it too */
  int32_t part;         /* a write does half of what it is asked first: alone when code is 0 */
  uint64_t calls;       /* so far */
  char failed[16];      /* name of the first that did; empty: none */
  char folder[256];     /* only what lies below it; empty: nothing */
  void (*on_call)(const char *name); /* before each; may be NULL */
  void (*on_sync)(int fd);           /* after each sync that was done; may be NULL */
};

extern struct chuyi_faults chuyi_faults;

#ifdef __cplusplus
}
#endif

#endif
