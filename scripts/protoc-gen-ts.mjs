// buf starts plugins by path; this one finds ts-proto wherever the package manager put it.
import "ts-proto/build/src/plugin.js";
