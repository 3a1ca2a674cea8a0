"""Pure array functions: filters, spectra, resampling, optical flow, rPPG projections."""
