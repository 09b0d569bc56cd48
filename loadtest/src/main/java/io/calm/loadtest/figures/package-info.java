/** Measurements: samples, rates, and the claims that they must meet. */
package io.calm.loadtest.figures;
