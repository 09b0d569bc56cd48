package io.calm.serving.reply;

import io.calm.compare.RequestLatencies;
import io.calm.generate.Scheduler;
import io.calm.metrics.ModelMetrics;

/**
 * The plan that answers a request: that of the model, or its uniform twin.
 *
 * @param variant label in metrics and in the header of the answer
 */
record ServingPlan(
    String variant, Scheduler scheduler, ModelMetrics metrics, RequestLatencies latencies) {}
