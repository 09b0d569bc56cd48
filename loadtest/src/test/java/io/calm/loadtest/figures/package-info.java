/** What was measured: samples, rates, and the claims they must hold. */
package io.calm.loadtest.figures;
