"""Rules for what the sentences of all demo corpora share: people, animals, methods, figures, adverbials."""

PHRASES = """
n: 12 | 18 | 24 | 31 | 37 | 42 | 56 | 64 | 87 | 103 | 148 | 212 | 365
small: two | three | four | five | six | seven | nine | eleven
percent: 8 % | 12 % | 15 % | 23 % | 31 % | 46 % | 58 % | 72 % | 90 %
p: ( P < 0.01 ) | ( P < 0.05 ) | ( p = 0.03 ) | ( P < 0.001 )
dose: 5 mg / kg | 10 mg / kg | 20 mg / kg | 50 mg daily | 100 micrograms | 0.5 mg / kg
time: 24 h | 3 days | 6 weeks | 4 months | 12 months | 2 years | 48 h
age: 34 | 52 | 71 | 47 | 29 | 63
young age: 3 | 5 | 6 | 9 | 12 | 14
someone: <age> - year - old woman | <age> - year - old man | <age> - year - old patient | <young age> - year - old boy
  | <young age> - year - old girl | <young age> - month - old infant
people: patients | patients | patients | children | subjects | individuals | women | men | adults
family: families | kindreds | pedigrees | relatives
group: unrelated | affected | Japanese | Finnish | Caucasian | African American | elderly | Italian | adult
controls: healthy controls | age - matched controls | matched control subjects | healthy volunteers
untreated: untreated animals | vehicle | placebo | saline | sham - operated rats
animals: rats | mice | Wistar rats | knockout mice | transgenic mice | rabbits | guinea pigs | zebrafish embryos | dogs
  | rhesus monkeys
species: Escherichia coli | Saccharomyces cerevisiae | Drosophila | Caenorhabditis elegans | Xenopus oocytes | human
  | mouse | rat | chicken | Arabidopsis
cells: HeLa cells | MCF - 7 cells | HEK 293 cells | COS - 7 cells | NIH 3T3 cells | Jurkat cells | HepG2 cells
  | K562 cells | CHO - K1 cells
  | PC12 cells | T cells | hepatocytes | endothelial cells | fibroblasts | cultured neurons | macrophages
  | SH - SY5Y cells | CD4 + T lymphocytes | smooth muscle cells
tissue: liver | kidney | hippocampus | spleen | skeletal muscle | cerebral cortex | heart | lung | testis | placenta
  | striatum | retina | bone marrow | small intestine
assay: PCR | RT - PCR | Northern blotting | Western blot analysis | ELISA | immunohistochemistry | SDS - PAGE
  | flow cytometry | FISH | Southern blot hybridization | mass spectrometry | an EMSA | SSCP analysis
  | in situ hybridization | direct sequencing
imaging: MRI | CT | PET | echocardiography | ultrasound | SPECT
procedure: dialysis | biopsy | surgery | coronary angiography | hemodialysis | mechanical ventilation | transplantation
  | anesthesia | electroencephalography | ECG monitoring | laparoscopy | radiotherapy
process: apoptosis | cell proliferation | DNA synthesis | angiogenesis | transcription | signal transduction
  | mitosis | differentiation | DNA repair | cell adhesion | endocytosis | protein synthesis | chemotaxis | phagocytosis
measure: blood pressure | heart rate | body weight | serum creatinine | survival | quality of life | locomotor activity
  | the QT interval | cardiac output | platelet count | renal function | the ESR | BMI
level: blood pressure | heart rates | body weight | serum creatinine | survival | platelet counts | body mass index
place: 5q31 | 17q21 | Xp22 | 11p15 | 3p25 | 22q11 | 7q32 | 13q14 | 1p36
mutations: missense mutations | nonsense mutations | polymorphisms | deletions | point mutations | truncating mutations
  | frameshift mutations | splice site mutations | insertions
a variant: a 4 - bp deletion | a frameshift mutation | a splice site mutation | a G - to - A transition
  | loss of heterozygosity | an R248W substitution | a missense mutation
inherits: segregates with | is linked to | cosegregates with | maps close to the locus for
degree: significantly | markedly | slightly | moderately | strongly | partially | completely | clearly | consistently
adjective: rare | common | severe | mild | well known | possible | late | new | frequent | serious
when: In this study | Recently | In addition | Furthermore | However | In contrast | Interestingly | Therefore
  | To our knowledge | Taken together | Previously | At present | In most cases | As expected | Surprisingly
when clinical: <when> | <when> | In the present series | After a median follow - up of <time> 
  | In <small> of <n> <people> | During <procedure> | In the same period
when molecular: <when> | <when> | <when> | Under these conditions | In vitro | In the presence of <Chemical>
  | In the absence of <Gene>
found: we found that | our results show that | it was shown that | the data suggest that | we report that
  | these results indicate that | we conclude that | evidence is presented that | it has been proposed that
  | there was no evidence that | we asked whether | it remains unclear whether
"""

NEGATIVE = """
negative: <when> , <measure> was measured by <nurse> every <time> .
  | The samples were analyzed by <assay> and <assay> .
  | Samples from the <tissue> of <n> <people> were studied by <assay> .
  | Written consent was obtained from all <people> before <procedure> .
  | The mean age of the <n> <people> was 47 years ( range , 19 - 83 ) .
  | <n> <animals> were divided into <small> groups .
  | It is not known whether <process> in the <tissue> involves <process> .
  | Further studies in <species> and in <animals> are needed .
  | <when> , no difference in <measure> was seen between the groups <p> .
  | The rate of <process> was studied in <cells> for <time> .
  | The <people> were followed for <time> , and <measure> was recorded at each visit .
  | DNA was extracted from the <tissue> and amplified by PCR .
  | The sequence of the clone was determined and compared with that of <species> .
  | These findings are consistent with the hypothesis of a <adjective> founder effect .
  | The FDA and the WHO have issued <adjective> guidelines for <procedure> .
  | Of the <people> , <percent> completed the questionnaire ( OR 1.7 , CI 1.1 - 2.6 ) .
  | Neither <procedure> nor <procedure> was required .
  | Cells were incubated for <time> in DMEM with 10 % FBS and counted .
  | <when> , the finding was confirmed by <imaging> .
  | The authors review the literature on <procedure> in <people> .
  | A cDNA library of the <tissue> was screened , and <n> clones were sequenced .
  | We compared <measure> in <n> <people> with that in <n> <controls> .
  | Mutations in this gene are a <adjective> cause of the disease in <group> <family> .
  | Neither the drug nor <untreated> had an effect on <measure> in <animals> .
  | The protein is expressed in <cells> and in the <tissue> .
nurse: the same nurse | ECG | <imaging>
"""
