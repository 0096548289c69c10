/* bench/costs/peers.h - boost::pool for a program in C. */
#ifndef METE_COSTS_PEERS_H
#define METE_COSTS_PEERS_H

#ifdef __cplusplus
extern "C" {
#endif
void *bench_boost_alloc(void);
void bench_boost_free(void *block);
#ifdef __cplusplus
}
#endif

#endif
