/** Version shown in telemetry and documents. */
export const version = "0.1.0";
