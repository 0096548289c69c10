/*
 * cli/message.h - one-line messages on standard error.
 */
#ifndef METE_CLI_MESSAGE_H
#define METE_CLI_MESSAGE_H

#include "base/compiler.h"

/* "mete: " and the text, in one write, so that lines of several processes do not mix. A line that
 * would be longer than a few thousand bytes is cut; control characters, and bytes that are no
 * UTF-8, become question marks. */
void mete__message_say(const char *format, ...) METE_PRINTF(1, 2);

#endif
