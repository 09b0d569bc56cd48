/**
 * The report of a quantized model: one tree of records ({@link io.calm.report.Report}) as JSON and
 * as a self-contained HTML page.
 */
@NullMarked
package io.calm.report;

import org.jspecify.annotations.NullMarked;
