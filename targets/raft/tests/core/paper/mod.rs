//! The paper, section by section. `s5_1_…` is §5.1 of the extended version (2014), `thesis_s6_4_…` is §6.4 of the thesis.
