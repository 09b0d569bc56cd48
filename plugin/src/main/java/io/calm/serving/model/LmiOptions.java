package io.calm.serving.model;

import java.util.Map;

/**
 * How streamed answers of DJL's schema look, as the operator's {@code option.*} keys say.
 *
 * @param sse server-sent events instead of JSON lines ({@code option.output_formatter=sse})
 * @param tgiCompat the shapes of Text Generation Inference ({@code option.tgi_compat}): server-sent
 *     events, arrays, {@code logprob}
 */
public record LmiOptions(boolean sse, boolean tgiCompat) {

  /** JSON lines, DJL's own shapes. */
  public static final LmiOptions DEFAULT = new LmiOptions(false, false);

  /** Reads them from a model's properties. */
  public static LmiOptions of(Map<String, String> properties) {
    return new LmiOptions(
        properties.getOrDefault("option.output_formatter", "").strip().equals("sse"),
        Boolean.parseBoolean(properties.getOrDefault("option.tgi_compat", "").strip()));
  }
}
