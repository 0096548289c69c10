/*
 * analysis/unpacked_file.h - files that zstd has compressed, as Linux distributions do with kernel
 * modules. What gzip, bzip2 and xz have libdwfl unpacks itself.
 */
#ifndef METE_ANALYSIS_UNPACKED_FILE_H
#define METE_ANALYSIS_UNPACKED_FILE_H

/* As mete__regular_file_open; of a compressed file a descriptor of what is in it, which is in
 * memory then. Where it cannot be unpacked (it is damaged, it has more than a gigabyte, or libzstd
 * is not there) the descriptor is the file's own. */
int mete__unpacked_file_open(const char *path);

#endif
