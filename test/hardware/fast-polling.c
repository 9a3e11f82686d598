/*
 * Preloaded into pcscd by run.mjs. pcscd asks the virtual reader for a card every 400 ms; a
 * real reader tells at once. Shorter naps let hundreds of taps fit into a test. Test tool only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

#define POLL_NS 400000000L
#define NAP_NS 10000000L

int nanosleep(const struct timespec *wanted, struct timespec *left) {
  static int (*real)(const struct timespec *, struct timespec *);
  if (!real) real = (int (*)(const struct timespec *, struct timespec *))dlsym(RTLD_NEXT, "nanosleep");
  if (wanted->tv_sec == 0 && wanted->tv_nsec == POLL_NS) {
    const struct timespec nap = {0, NAP_NS};
    return real(&nap, left);
  }
  return real(wanted, left);
}
