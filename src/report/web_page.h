/*
 * report/web_page.h - the page of `mete report --html`, as put together by tools/embed from web/.
 *
 * Between the three pieces belong the report as text, and its document as JSON, both escaped
 * (escape.h).
 */
#ifndef METE_REPORT_WEB_PAGE_H
#define METE_REPORT_WEB_PAGE_H

extern const char mete__web_page_before_text[];
extern const char mete__web_page_before_data[];
extern const char mete__web_page_after_data[];

#endif
